import { randomBytes } from 'node:crypto';
import { openKafkaLog } from '#libs/adapters/log-kafka';
import { WallClock } from '#libs/core/log/testing';
import { derivationConditions, generationConditions } from '#libs/core/streams/testing';

const subject = {
  open: () => {
    const bootstrapServers = process.env['WEIR_TEST_KAFKA']!.split(',');
    return openKafkaLog({ name: 'test', bootstrapServers, clock: new WallClock() });
  },
  mark: `c-${randomBytes(4).toString('hex')}`,
  runs: 2,
};

generationConditions('on Apache Kafka', subject);
derivationConditions('on Apache Kafka', subject);
