/**
 * Every function of libcrypto and libssl that this backend calls, as C declares it. The types of the JavaScript functions follow
 * from these texts (see `Native`), so that there is one place to read and to get right.
 */
export const prototypes = {
  // ── library and error queue ──
  OpenSSL_version: 'const char* OpenSSL_version(int)',
  OpenSSL_version_num: 'unsigned long OpenSSL_version_num()',
  ERR_get_error: 'unsigned long ERR_get_error()',
  ERR_clear_error: 'void ERR_clear_error()',
  ERR_reason_error_string: 'const char* ERR_reason_error_string(unsigned long)',
  RAND_bytes: 'int RAND_bytes(void*, int)',
  CRYPTO_malloc: 'void* CRYPTO_malloc(size_t, const char*, int)',
  OPENSSL_sk_new_null: 'void* OPENSSL_sk_new_null()',
  OPENSSL_sk_push: 'int OPENSSL_sk_push(void*, const void*)',
  OPENSSL_sk_free: 'void OPENSSL_sk_free(void*)',
  OPENSSL_sk_num: 'int OPENSSL_sk_num(void*)',
  OPENSSL_sk_value: 'void* OPENSSL_sk_value(void*, int)',

  // ── memory BIOs ──
  BIO_new: 'void* BIO_new(void*)',
  BIO_s_mem: 'void* BIO_s_mem()',
  BIO_new_mem_buf: 'void* BIO_new_mem_buf(const void*, int)',
  BIO_up_ref: 'int BIO_up_ref(void*)',
  BIO_free: 'int BIO_free(void*)',
  BIO_read: 'int BIO_read(void*, void*, int)',
  BIO_write: 'int BIO_write(void*, const void*, int)',
  BIO_ctrl_pending: 'size_t BIO_ctrl_pending(void*)',

  // ── contexts ──
  TLS_method: 'void* TLS_method()',
  SSL_CTX_new: 'void* SSL_CTX_new(void*)',
  SSL_CTX_free: 'void SSL_CTX_free(void*)',
  SSL_CTX_ctrl: 'long SSL_CTX_ctrl(void*, int, long, void*)',
  SSL_CTX_callback_ctrl: 'long SSL_CTX_callback_ctrl(void*, int, void*)',
  SSL_CTX_set_options: 'uint64_t SSL_CTX_set_options(void*, uint64_t)',
  SSL_CTX_set_security_level: 'void SSL_CTX_set_security_level(void*, int)',
  SSL_CTX_set_cipher_list: 'int SSL_CTX_set_cipher_list(void*, const char*)',
  SSL_CTX_set_ciphersuites: 'int SSL_CTX_set_ciphersuites(void*, const char*)',
  SSL_CTX_get_ciphers: 'void* SSL_CTX_get_ciphers(void*)',
  SSL_CTX_set_alpn_protos: 'int SSL_CTX_set_alpn_protos(void*, const void*, unsigned int)',
  SSL_CTX_set_alpn_select_cb: 'void SSL_CTX_set_alpn_select_cb(void*, void*, void*)',
  SSL_CTX_set_keylog_callback: 'void SSL_CTX_set_keylog_callback(void*, void*)',
  SSL_CTX_set_num_tickets: 'int SSL_CTX_set_num_tickets(void*, size_t)',
  SSL_CTX_set_verify: 'void SSL_CTX_set_verify(void*, int, void*)',
  SSL_CTX_set_cert_verify_callback: 'void SSL_CTX_set_cert_verify_callback(void*, void*, void*)',
  SSL_CTX_set1_cert_store: 'void SSL_CTX_set1_cert_store(void*, void*)',
  SSL_CTX_add_client_CA: 'int SSL_CTX_add_client_CA(void*, void*)',
  SSL_CTX_get_cert_store: 'void* SSL_CTX_get_cert_store(void*)',
  SSL_CTX_get0_param: 'void* SSL_CTX_get0_param(void*)',
  SSL_CTX_set_post_handshake_auth: 'void SSL_CTX_set_post_handshake_auth(void*, int)',
  SSL_CTX_set_cert_cb: 'void SSL_CTX_set_cert_cb(void*, void*, void*)',
  SSL_CTX_use_certificate: 'int SSL_CTX_use_certificate(void*, void*)',
  SSL_CTX_add_custom_ext:
    'int SSL_CTX_add_custom_ext(void*, unsigned int, unsigned int, void*, void*, void*, void*, void*)',
  SSL_CTX_use_PrivateKey: 'int SSL_CTX_use_PrivateKey(void*, void*)',

  // ── sessions, early data, pre-shared keys ──
  SSL_CTX_set_timeout: 'long SSL_CTX_set_timeout(void*, long)',
  SSL_CTX_set_session_id_context: 'int SSL_CTX_set_session_id_context(void*, const void*, unsigned int)',
  SSL_CTX_sess_set_new_cb: 'void SSL_CTX_sess_set_new_cb(void*, void*)',
  SSL_CTX_sess_set_get_cb: 'void SSL_CTX_sess_set_get_cb(void*, void*)',
  SSL_CTX_set_session_ticket_cb: 'int SSL_CTX_set_session_ticket_cb(void*, void*, void*, void*)',
  SSL_CTX_set_tlsext_ticket_key_evp_cb: 'int SSL_CTX_set_tlsext_ticket_key_evp_cb(void*, void*)',
  SSL_CTX_set_max_early_data: 'int SSL_CTX_set_max_early_data(void*, uint32_t)',
  SSL_CTX_set_recv_max_early_data: 'int SSL_CTX_set_recv_max_early_data(void*, uint32_t)',
  SSL_CTX_set_allow_early_data_cb: 'void SSL_CTX_set_allow_early_data_cb(void*, void*, void*)',
  SSL_CTX_set_psk_use_session_callback: 'void SSL_CTX_set_psk_use_session_callback(void*, void*)',
  SSL_CTX_set_psk_find_session_callback: 'void SSL_CTX_set_psk_find_session_callback(void*, void*)',
  SSL_set_num_tickets: 'int SSL_set_num_tickets(void*, size_t)',
  SSL_new_session_ticket: 'int SSL_new_session_ticket(void*)',
  SSL_set_session: 'int SSL_set_session(void*, void*)',
  SSL_get_session: 'void* SSL_get_session(void*)',
  SSL_SESSION_new: 'void* SSL_SESSION_new()',
  SSL_SESSION_free: 'void SSL_SESSION_free(void*)',
  d2i_SSL_SESSION: 'void* d2i_SSL_SESSION(void*, void*, long)',
  i2d_SSL_SESSION: 'int i2d_SSL_SESSION(void*, void*)',
  SSL_SESSION_get_id: 'void* SSL_SESSION_get_id(void*, void*)',
  SSL_SESSION_get_protocol_version: 'int SSL_SESSION_get_protocol_version(void*)',
  SSL_SESSION_set_protocol_version: 'int SSL_SESSION_set_protocol_version(void*, int)',
  SSL_SESSION_get0_cipher: 'void* SSL_SESSION_get0_cipher(void*)',
  SSL_SESSION_set_cipher: 'int SSL_SESSION_set_cipher(void*, void*)',
  SSL_SESSION_set1_master_key: 'int SSL_SESSION_set1_master_key(void*, const void*, size_t)',
  SSL_SESSION_get_time: 'long SSL_SESSION_get_time(void*)',
  SSL_SESSION_set_time: 'long SSL_SESSION_set_time(void*, long)',
  SSL_SESSION_get_timeout: 'long SSL_SESSION_get_timeout(void*)',
  SSL_SESSION_has_ticket: 'int SSL_SESSION_has_ticket(void*)',
  SSL_SESSION_get_ticket_lifetime_hint: 'unsigned long SSL_SESSION_get_ticket_lifetime_hint(void*)',
  SSL_SESSION_get_max_early_data: 'uint32_t SSL_SESSION_get_max_early_data(void*)',
  SSL_SESSION_get0_ticket_appdata: 'int SSL_SESSION_get0_ticket_appdata(void*, void*, void*)',
  SSL_SESSION_set1_ticket_appdata: 'int SSL_SESSION_set1_ticket_appdata(void*, const void*, size_t)',
  SSL_write_early_data: 'int SSL_write_early_data(void*, const void*, size_t, void*)',
  SSL_read_early_data: 'int SSL_read_early_data(void*, void*, size_t, void*)',
  SSL_get_early_data_status: 'int SSL_get_early_data_status(void*)',
  SSL_get_client_random: 'size_t SSL_get_client_random(void*, void*, size_t)',
  SSL_client_hello_get0_ext: 'int SSL_client_hello_get0_ext(void*, unsigned int, void*, void*)',
  SSL_set_ciphersuites: 'int SSL_set_ciphersuites(void*, const char*)',
  SSL_CIPHER_find: 'void* SSL_CIPHER_find(void*, const void*)',
  EVP_MD_get_type: 'int EVP_MD_get_type(void*)',
  EVP_aes_256_cbc: 'void* EVP_aes_256_cbc()',
  EVP_EncryptInit_ex: 'int EVP_EncryptInit_ex(void*, void*, void*, const void*, const void*)',
  EVP_DecryptInit_ex: 'int EVP_DecryptInit_ex(void*, void*, void*, const void*, const void*)',
  EVP_MAC_init: 'int EVP_MAC_init(void*, const void*, size_t, const void*)',

  // ── connections ──
  SSL_new: 'void* SSL_new(void*)',
  SSL_free: 'void SSL_free(void*)',
  SSL_ctrl: 'long SSL_ctrl(void*, int, long, void*)',
  SSL_clear_options: 'uint64_t SSL_clear_options(void*, uint64_t)',
  SSL_set_bio: 'void SSL_set_bio(void*, void*, void*)',
  SSL_set_connect_state: 'void SSL_set_connect_state(void*)',
  SSL_set_accept_state: 'void SSL_set_accept_state(void*)',
  SSL_set_SSL_CTX: 'void* SSL_set_SSL_CTX(void*, void*)',
  SSL_get_SSL_CTX: 'void* SSL_get_SSL_CTX(void*)',
  SSL_get0_param: 'void* SSL_get0_param(void*)',
  SSL_do_handshake: 'int SSL_do_handshake(void*)',
  SSL_read: 'int SSL_read(void*, void*, int)',
  SSL_peek: 'int SSL_peek(void*, void*, int)',
  SSL_write: 'int SSL_write(void*, const void*, int)',
  SSL_key_update: 'int SSL_key_update(void*, int)',
  SSL_shutdown: 'int SSL_shutdown(void*)',
  SSL_free_buffers: 'int SSL_free_buffers(void*)',
  SSL_get_shutdown: 'int SSL_get_shutdown(void*)',
  SSL_get_error: 'int SSL_get_error(void*, int)',

  // ── certificates of a connection ──
  SSL_certs_clear: 'void SSL_certs_clear(void*)',
  SSL_use_certificate: 'int SSL_use_certificate(void*, void*)',
  SSL_use_PrivateKey: 'int SSL_use_PrivateKey(void*, void*)',
  SSL_get0_peer_CA_list: 'void* SSL_get0_peer_CA_list(void*)',
  SSL_get_sigalgs: 'int SSL_get_sigalgs(void*, int, void*, void*, void*, void*, void*)',
  SSL_set_verify: 'void SSL_set_verify(void*, int, void*)',
  SSL_verify_client_post_handshake: 'int SSL_verify_client_post_handshake(void*)',
  SSL_set_msg_callback: 'void SSL_set_msg_callback(void*, void*)',
  SSL_is_init_finished: 'int SSL_is_init_finished(void*)',

  // ── what was agreed ──
  SSL_version: 'int SSL_version(void*)',
  SSL_get_current_cipher: 'void* SSL_get_current_cipher(void*)',
  SSL_CIPHER_get_protocol_id: 'uint16_t SSL_CIPHER_get_protocol_id(void*)',
  SSL_CIPHER_get_bits: 'int SSL_CIPHER_get_bits(void*, void*)',
  SSL_CIPHER_get_name: 'const char* SSL_CIPHER_get_name(void*)',
  SSL_get_signature_type_nid: 'int SSL_get_signature_type_nid(void*, void*)',
  SSL_get_peer_signature_type_nid: 'int SSL_get_peer_signature_type_nid(void*, void*)',
  SSL_get0_alpn_selected: 'void SSL_get0_alpn_selected(void*, void*, void*)',
  SSL_get_servername: 'const char* SSL_get_servername(void*, int)',
  SSL_session_reused: 'int SSL_session_reused(void*)',
  SSL_get_certificate: 'void* SSL_get_certificate(void*)',
  SSL_get0_peer_certificate: 'void* SSL_get0_peer_certificate(void*)',
  SSL_get_peer_cert_chain: 'void* SSL_get_peer_cert_chain(void*)',

  SSL_export_keying_material_early:
    'int SSL_export_keying_material_early(void*, void*, size_t, const char*, size_t, const void*, size_t)',
  SSL_export_keying_material:
    'int SSL_export_keying_material(void*, void*, size_t, const char*, size_t, const void*, size_t, int)',

  // ── certificates and keys ──
  d2i_X509: 'void* d2i_X509(void*, void*, long)',
  i2d_X509: 'int i2d_X509(void*, void*)',
  X509_free: 'void X509_free(void*)',
  X509_get0_pubkey: 'void* X509_get0_pubkey(void*)',
  X509_check_private_key: 'int X509_check_private_key(void*, void*)',
  X509_get_signature_info: 'int X509_get_signature_info(void*, void*, void*, void*, void*)',
  X509_digest: 'int X509_digest(void*, void*, void*, void*)',
  EVP_get_digestbyname: 'void* EVP_get_digestbyname(const char*)',
  X509_get_subject_name: 'void* X509_get_subject_name(void*)',
  i2d_X509_NAME: 'int i2d_X509_NAME(void*, void*)',
  X509_NAME_print_ex: 'int X509_NAME_print_ex(void*, void*, int, unsigned long)',
  X509_get0_notAfter: 'void* X509_get0_notAfter(void*)',
  ASN1_TIME_set: 'void* ASN1_TIME_set(void*, int64_t)',
  ASN1_TIME_diff: 'int ASN1_TIME_diff(void*, void*, const void*, const void*)',
  X509_get_ext_d2i: 'void* X509_get_ext_d2i(void*, int, void*, void*)',
  GENERAL_NAME_get0_value: 'void* GENERAL_NAME_get0_value(void*, void*)',
  GENERAL_NAMES_free: 'void GENERAL_NAMES_free(void*)',
  ASN1_STRING_get0_data: 'void* ASN1_STRING_get0_data(void*)',
  ASN1_STRING_length: 'int ASN1_STRING_length(void*)',
  PEM_read_bio_X509: 'void* PEM_read_bio_X509(void*, void*, void*, const char*)',
  PEM_read_bio_PrivateKey: 'void* PEM_read_bio_PrivateKey(void*, void*, void*, const char*)',
  d2i_AutoPrivateKey: 'void* d2i_AutoPrivateKey(void*, void*, long)',
  d2i_PKCS8PrivateKey_bio: 'void* d2i_PKCS8PrivateKey_bio(void*, void*, void*, const char*)',
  EVP_PKEY_get_base_id: 'int EVP_PKEY_get_base_id(void*)',
  EVP_PKEY_free: 'void EVP_PKEY_free(void*)',

  // ── verification ──
  X509_STORE_new: 'void* X509_STORE_new()',
  X509_STORE_free: 'void X509_STORE_free(void*)',
  X509_STORE_add_cert: 'int X509_STORE_add_cert(void*, void*)',
  X509_STORE_add_crl: 'int X509_STORE_add_crl(void*, void*)',
  d2i_X509_CRL: 'void* d2i_X509_CRL(void*, void*, long)',
  X509_CRL_free: 'void X509_CRL_free(void*)',
  X509_verify_cert: 'int X509_verify_cert(void*)',
  X509_verify_cert_error_string: 'const char* X509_verify_cert_error_string(long)',
  X509_STORE_CTX_new: 'void* X509_STORE_CTX_new()',
  X509_STORE_CTX_free: 'void X509_STORE_CTX_free(void*)',
  X509_STORE_CTX_init: 'int X509_STORE_CTX_init(void*, void*, void*, void*)',
  X509_STORE_CTX_get0_param: 'void* X509_STORE_CTX_get0_param(void*)',
  X509_STORE_CTX_set_default: 'int X509_STORE_CTX_set_default(void*, const char*)',
  X509_STORE_CTX_get_error: 'int X509_STORE_CTX_get_error(void*)',
  X509_STORE_CTX_set_error: 'void X509_STORE_CTX_set_error(void*, int)',
  X509_STORE_CTX_get_error_depth: 'int X509_STORE_CTX_get_error_depth(void*)',
  X509_STORE_CTX_get_num_untrusted: 'int X509_STORE_CTX_get_num_untrusted(void*)',
  X509_STORE_CTX_set_verify_cb: 'void X509_STORE_CTX_set_verify_cb(void*, void*)',
  X509_STORE_CTX_get0_untrusted: 'void* X509_STORE_CTX_get0_untrusted(void*)',
  X509_STORE_CTX_get_current_cert: 'void* X509_STORE_CTX_get_current_cert(void*)',
  X509_VERIFY_PARAM_set1: 'int X509_VERIFY_PARAM_set1(void*, void*)',
  X509_VERIFY_PARAM_set_auth_level: 'void X509_VERIFY_PARAM_set_auth_level(void*, int)',
  X509_VERIFY_PARAM_set_flags: 'int X509_VERIFY_PARAM_set_flags(void*, unsigned long)',
  X509_VERIFY_PARAM_set_time: 'void X509_VERIFY_PARAM_set_time(void*, int64_t)',
  X509_VERIFY_PARAM_set_hostflags: 'void X509_VERIFY_PARAM_set_hostflags(void*, unsigned int)',
  X509_VERIFY_PARAM_set1_host: 'int X509_VERIFY_PARAM_set1_host(void*, const char*, size_t)',
  X509_VERIFY_PARAM_set1_ip_asc: 'int X509_VERIFY_PARAM_set1_ip_asc(void*, const char*)',

  // ── stapled states ──
  SSL_get0_verified_chain: 'void* SSL_get0_verified_chain(void*)',
  X509_STORE_CTX_get1_certs: 'void* X509_STORE_CTX_get1_certs(void*, void*)',
  X509_cmp: 'int X509_cmp(void*, void*)',
  ASN1_INTEGER_get: 'long ASN1_INTEGER_get(void*)',
  TLS_FEATURE_free: 'void TLS_FEATURE_free(void*)',
  d2i_PUBKEY: 'void* d2i_PUBKEY(void*, void*, long)',
  EVP_MD_CTX_new: 'void* EVP_MD_CTX_new()',
  EVP_MD_CTX_free: 'void EVP_MD_CTX_free(void*)',
  EVP_DigestVerifyInit: 'int EVP_DigestVerifyInit(void*, void*, void*, void*, void*)',
  EVP_DigestVerify: 'int EVP_DigestVerify(void*, const void*, size_t, const void*, size_t)',
  EVP_PKEY_CTX_ctrl_str: 'int EVP_PKEY_CTX_ctrl_str(void*, const char*, const char*)',
} as const

/** What functions are called since OpenSSL 3.3, for libraries that have the older names as macros alone: Node's program for Windows is one. */
export const successors: { readonly [Name in keyof typeof prototypes]?: string } = {
  SSL_SESSION_get_time: 'int64_t SSL_SESSION_get_time_ex(void*)',
  SSL_SESSION_set_time: 'int64_t SSL_SESSION_set_time_ex(void*, int64_t)',
}

/** An address in native memory. The library owns what it points at, unless the function's documentation says otherwise. */
export type Pointer = bigint

/** The functions, typed by their prototypes. */
export type Native = { readonly [Name in keyof typeof prototypes]: FunctionOf<(typeof prototypes)[Name]> }

type FunctionOf<Prototype extends string> = Prototype extends `${infer Head}(${infer Parameters})`
  ? (...values: ParametersOf<Parameters>) => ResultOf<Head>
  : never

type ParametersOf<List extends string> = List extends ''
  ? []
  : List extends `${infer First}, ${infer Rest}`
    ? [ParameterOf<First>, ...ParametersOf<Rest>]
    : [ParameterOf<List>]

type ParameterOf<C extends string> = C extends 'const char*'
  ? string | null
  : C extends `${string}*`
    ? Pointer | NodeJS.TypedArray | null
    : C extends 'uint64_t' | 'int64_t'
      ? number | bigint
      : number

type ResultOf<Head extends string> = Head extends `const char* ${string}`
  ? string | null
  : Head extends `void* ${string}`
    ? Pointer | null
    : Head extends `void ${string}`
      ? undefined
      : number
