import { randomBytes } from 'node:crypto';
import { describe, it } from 'vitest';
import { inTurns, MortalService } from './mortal-service.js';
import { derivedStreams, newGenerations } from './operation-strikes.js';

/** A move from the embedded log to Kafka is killed in `cluster-moves-killed.kafka.spec.ts`; every effect of each kind in `core/streams/…/killed.spec.ts`. */
describe('an operation on Apache Kafka whose service is killed with kill -9 at a named step goes on at the next start as if nothing had happened:', () => {
  it('a repartition and a migration on their way there, in finish, on their way back and when they are cancelled; a derived stream that is made, computed anew, and relieved of keys', async () => {
    const configuration = {
      WEIR_CLUSTERS: JSON.stringify({ kafka: { bootstrapServers: process.env['WEIR_TEST_KAFKA']!.split(',') } }),
      WEIR_DEFAULT_CLUSTER: 'kafka',
    };
    const mark = randomBytes(4).toString('hex');
    await MortalService.run(async (service) => {
      const repartitions = newGenerations(
        service,
        'repartition',
        {
          there: ['prepare:held', 'copy:done', 'switch:fenced', 'switch:closed', 'switch:name-moved', 'switch:retired'],
          onward: [
            ['finish:cleared', 'finish', 'FINISHED'],
            ['switch:name-moved', 'rollback', 'ROLLED_BACK'],
            ['cancel:released', 'cancel', 'CANCELLED'],
          ],
        },
        { of: `rep-${mark}`, returnsWrites: false },
      );
      const migrations = newGenerations(
        service,
        'migration',
        {
          there: ['prepare:done', 'copy:done', 'switch:drained', 'switch:translated', 'switch:activated'],
          onward: [
            ['finish:carried', 'finish', 'FINISHED'],
            ['switch:fenced', 'rollback', 'ROLLED_BACK'],
            ['cancel:cleared', 'cancel', 'CANCELLED'],
          ],
        },
        { of: `mig-${mark}`, returnsWrites: false },
      );
      const derived = derivedStreams(
        service,
        {
          made: ['derive:prepared', 'derive:filled'],
          changed: ['rebuild:copied', 'rebuild:moved', 'erasure:copied', 'erasure:switch:translated'],
        },
        `orders-${mark}`,
      );
      await service.strike([...inTurns([...inTurns(repartitions, migrations)], derived)]);
    }, configuration);
  }, 900_000);
});
