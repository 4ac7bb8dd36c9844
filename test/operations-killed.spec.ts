import { describe, it } from 'vitest';
import { inTurns, MortalService } from './mortal-service.js';
import { derivedStreams, ERASED, MADE, newGenerations, ONWARD, REBUILT, renames, THERE } from './operation-strikes.js';

describe('an operation whose service is killed with kill -9 at a named step goes on at the next start as if nothing had happened:', () => {
  it('a repartition on its way there, in finish, on its way back and when it is cancelled; a derived stream that is made, computed anew, and relieved of keys; a topic that gets another name', async () => {
    await MortalService.run(async (service) => {
      const generations = newGenerations(service, 'repartition', { there: THERE, onward: ONWARD });
      const derived = derivedStreams(service, { made: MADE, changed: [...REBUILT, ...ERASED] });
      await service.strike([...inTurns(generations, [...derived, ...renames(service)])]);
    });
  }, 900_000);
});
