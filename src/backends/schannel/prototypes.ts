/**
 * The functions of Windows that this backend calls, as C declares them, with handles and pointers to structures as `void *`. BOOL is
 * int, SECURITY_STATUS and DWORD are uint32_t, LPCWSTR is str16.
 */
export const prototypes = {
  'secur32.dll': {
    AcquireCredentialsHandleW:
      'uint32_t __stdcall AcquireCredentialsHandleW(str16, str16, uint32_t, void *, void *, void *, void *, void *, void *)',
    FreeCredentialsHandle: 'uint32_t __stdcall FreeCredentialsHandle(void *)',
    InitializeSecurityContextW:
      'uint32_t __stdcall InitializeSecurityContextW(void *, void *, str16, uint32_t, uint32_t, uint32_t, void *, uint32_t, void *, void *, void *, void *)',
    AcceptSecurityContext:
      'uint32_t __stdcall AcceptSecurityContext(void *, void *, void *, uint32_t, uint32_t, void *, void *, void *, void *)',
    DeleteSecurityContext: 'uint32_t __stdcall DeleteSecurityContext(void *)',
    ApplyControlToken: 'uint32_t __stdcall ApplyControlToken(void *, void *)',
    EncryptMessage: 'uint32_t __stdcall EncryptMessage(void *, uint32_t, void *, uint32_t)',
    DecryptMessage: 'uint32_t __stdcall DecryptMessage(void *, void *, uint32_t, void *)',
    QueryContextAttributesW: 'uint32_t __stdcall QueryContextAttributesW(void *, uint32_t, void *)',
    FreeContextBuffer: 'uint32_t __stdcall FreeContextBuffer(void *)',
  },
  'crypt32.dll': {
    CertDuplicateCertificateContext: 'void *__stdcall CertDuplicateCertificateContext(void *)',
    CertFreeCertificateContext: 'int __stdcall CertFreeCertificateContext(void *)',
    CertOpenStore: 'void *__stdcall CertOpenStore(uintptr_t, uint32_t, uintptr_t, uint32_t, str16)',
    CertAddEncodedCertificateToStore:
      'int __stdcall CertAddEncodedCertificateToStore(void *, uint32_t, void *, uint32_t, uint32_t, void *)',
    CertFindCertificateInStore:
      'void *__stdcall CertFindCertificateInStore(void *, uint32_t, uint32_t, uint32_t, void *, void *)',
    PFXImportCertStore: 'void *__stdcall PFXImportCertStore(void *, str16, uint32_t)',
    CertCloseStore: 'int __stdcall CertCloseStore(void *, uint32_t)',
    CertCreateCertificateChainEngine: 'int __stdcall CertCreateCertificateChainEngine(void *, void *)',
    CertFreeCertificateChainEngine: 'void __stdcall CertFreeCertificateChainEngine(void *)',
    CertGetCertificateChain:
      'int __stdcall CertGetCertificateChain(void *, void *, void *, void *, void *, uint32_t, void *, void *)',
    CertFreeCertificateChain: 'void __stdcall CertFreeCertificateChain(void *)',
    CertVerifyCertificateChainPolicy:
      'int __stdcall CertVerifyCertificateChainPolicy(uintptr_t, void *, void *, void *)',
    CryptAcquireCertificatePrivateKey:
      'int __stdcall CryptAcquireCertificatePrivateKey(void *, uint32_t, void *, void *, void *, void *)',
  },
  'ncrypt.dll': {
    NCryptFreeObject: 'uint32_t __stdcall NCryptFreeObject(uintptr_t)',
    NCryptDeleteKey: 'uint32_t __stdcall NCryptDeleteKey(uintptr_t, uint32_t)',
  },
  'advapi32.dll': {
    CryptReleaseContext: 'int __stdcall CryptReleaseContext(uintptr_t, uint32_t)',
  },
  'kernel32.dll': {
    GetLastError: 'uint32_t __stdcall GetLastError()',
    SetLastError: 'void __stdcall SetLastError(uint32_t)',
  },
  'ntdll.dll': {
    RtlGetVersion: 'uint32_t __stdcall RtlGetVersion(void *)',
  },
} as const

type Prototypes = typeof prototypes
type Named = { readonly [Library in keyof Prototypes]: Prototypes[Library] }[keyof Prototypes]
type Names = Named extends infer Each ? (Each extends unknown ? keyof Each : never) : never

/** The functions as koffi makes them. Their answers are numbers, and addresses or null where C has a pointer. */
export type Functions = { readonly [Name in Names & string]: NativeFunction<Name> }

type NativeArgument = bigint | number | string | NodeJS.TypedArray | null
type NativeFunction<Name extends string> = (...values: NativeArgument[]) => ResultOf<Name>
type ResultOf<Name extends string> = Name extends PointerFunctions ? bigint | null : number
type PointerFunctions =
  | 'CertDuplicateCertificateContext'
  | 'CertOpenStore'
  | 'CertFindCertificateInStore'
  | 'PFXImportCertStore'
