/**
 * Runs every `*.kafka.spec.ts` against a broker started for it: `npm run test:kafka [-- vitest arguments]`. WEIR_KAFKA_VERSION chooses
 * the release (4.1.2 unless given), WEIR_TEST_KAFKA, when set already, names a broker to use instead. Beside it stands a PostgreSQL (or the server of
 * WEIR_TEST_POSTGRES_URL), for services of which several instances share a cluster; where there can be none, those tests say so.
 */
import { startKafka } from './services/kafka.mjs';
import { startPostgres } from './services/postgres.mjs';
import { firstLine, ServiceUnavailable } from './services/service-process.mjs';
import { runSuite } from './services/suite.mjs';

await runSuite({
  projects: ['kafka'],
  async start() {
    const kafka = await brokers();
    const database = await databases();
    return {
      env: { ...kafka.env, ...database.env },
      label: `${kafka.label}, ${database.label}`,
      stop: async () => {
        await database.stop();
        await kafka.stop();
      },
    };
  },
});

async function brokers() {
  const given = process.env.WEIR_TEST_KAFKA;
  if (given) return { env: {}, label: 'the broker of WEIR_TEST_KAFKA', stop: async () => {} };
  const { bootstrapServers, version, sasl, tls, stop } = await startKafka({ secure: true });
  const env = {
    WEIR_TEST_KAFKA: bootstrapServers,
    WEIR_TEST_KAFKA_SASL: sasl,
    WEIR_TEST_KAFKA_TLS: tls.server,
    WEIR_TEST_KAFKA_CA: tls.ca,
    WEIR_TEST_KAFKA_MUTUAL: tls.mutual,
    WEIR_TEST_KAFKA_CERT: tls.cert,
    WEIR_TEST_KAFKA_KEY: tls.key,
  };
  return { env, label: `Apache Kafka ${version} at ${bootstrapServers}`, stop };
}

async function databases() {
  const given = process.env.WEIR_TEST_POSTGRES_URL;
  if (given) return { env: {}, label: 'the server of WEIR_TEST_POSTGRES_URL', stop: async () => {} };
  try {
    const { url, version, stop } = await startPostgres();
    return { env: { WEIR_TEST_POSTGRES_URL: url }, label: `${version} at ${url}`, stop };
  } catch (error) {
    if (!(error instanceof ServiceUnavailable)) throw error;
    return { env: {}, label: `no PostgreSQL: ${firstLine(error)}`, stop: async () => {} };
  }
}
