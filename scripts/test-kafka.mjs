/**
 * Runs every `*.kafka.spec.ts` against a broker started for it: `npm run test:kafka [-- vitest arguments]`. WEIR_KAFKA_VERSION chooses
 * the release (4.1.2 unless given), WEIR_TEST_KAFKA, when set already, names a broker to use instead.
 */
import { startKafka } from './services/kafka.mjs';
import { runSuite } from './services/suite.mjs';

await runSuite({
  project: 'kafka',
  async start() {
    const given = process.env.WEIR_TEST_KAFKA;
    if (given) return { env: {}, label: 'the broker of WEIR_TEST_KAFKA', stop: async () => {} };
    const { bootstrapServers, version, sasl, tls, stop } = await startKafka({ secure: true });
    const env = {
      WEIR_TEST_KAFKA: bootstrapServers,
      WEIR_TEST_KAFKA_SASL: sasl,
      WEIR_TEST_KAFKA_TLS: tls.server,
      WEIR_TEST_KAFKA_CA: tls.ca,
    };
    return { env, label: `Apache Kafka ${version} at ${bootstrapServers}`, stop };
  },
});
