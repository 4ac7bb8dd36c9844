import { afterAll, beforeAll } from 'vitest';
import { conversationsSuite } from '#libs/features/rest-proxy/testing';
import { ServerProcess, temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';

let directory: TemporaryDirectory;
let server: ServerProcess;
beforeAll(async () => {
  directory = await temporaryDirectory();
  const kafka = { bootstrapServers: process.env['WEIR_TEST_KAFKA']!.split(',') };
  const env = { WEIR_LOG_ENABLED: 'false', WEIR_CLUSTERS: JSON.stringify({ kafka }) };
  server = await ServerProcess.start({ cwd: directory.path, env });
});
afterAll(async () => {
  await server?.stop();
  await directory.remove();
});

/** The brokers of these tests keep records for ever by a setting of their own: of `retention.ms` the default is not what was recorded. */
const RETENTION_OF_BROKERS: readonly number[] = [16];

conversationsSuite(
  'on Apache Kafka',
  () => server.url,
  (name) => (name === 'v3-topic-configs' ? RETENTION_OF_BROKERS : []),
);
