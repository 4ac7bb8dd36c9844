import { openKafkaLog } from '#libs/adapters/log-kafka';
import { WallClock } from '#libs/core/log/testing';
import { topicImportSuite } from '#libs/core/moving/testing';

topicImportSuite('Apache Kafka', async () => {
  const bootstrapServers = process.env['WEIR_TEST_KAFKA']!.split(',');
  const log = await openKafkaLog({ name: 'test', bootstrapServers, clock: new WallClock() });
  return { log, dispose: () => log.close() };
});
