/** Messages by MQTT, with the package `mqtt`. */
import type { Duplex } from 'node:stream'
import { requireObject, requirePort, requireText } from '../config/arguments.ts'
import { type AdapterOptions, Opening } from './openings.ts'

export type { AdapterOptions } from './openings.ts'

/** Where a broker is, and how to speak with it. */
export type MQTTStreamOptions = AdapterOptions & {
  readonly host: string
  /** Default: 8883. */
  readonly port?: number | undefined
}

/**
 * For `new MqttClient(mqttStream({ … }), options)`; a client that connects again gets a new stream, which resumes the session of the last.
 * It offers the ALPN name `mqtt`, where the configuration has no `innerProtocols`.
 * @throws ConfigurationError for what the backend cannot do.
 */
export function mqttStream(given: MQTTStreamOptions): () => Duplex {
  requireObject('mqttStream', given)
  const { host, port = 8883, ...options } = given
  requireText('host', host)
  requirePort('port', port)
  const opening = new Opening(options, { innerProtocols: ['mqtt'], endsByItself: true })
  return () => opening.socket({ host, port })
}
