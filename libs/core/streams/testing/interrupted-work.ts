import { WallClock } from '#libs/core/log/testing';
import type { OperationHandler } from '#libs/core/operations';
import { Mortality } from './mortal-log.js';
import { drive, runOf, type StoredOperation } from './operation-driver.js';

const clock = new WallClock();
const written = new WeakSet<MortalWorld>();

/** What survives its processes, which come one after another. */
export interface MortalWorld {
  process(options?: { readonly mortality?: Mortality }): OperationHandler;
}

/** How an operation that puts a new generation in the place of another is worked on to its end. */
export interface InterruptedWork<World extends MortalWorld> {
  readonly world: World;
  readonly operation: StoredOperation;
  /** Of the first process. */
  readonly mortality: Mortality;
  readonly last: 'finish' | 'rollback';
  /** Writes to the new side, once, after the switch. */
  readonly write: (world: World) => Promise<void>;
}

/** Works on an operation, process after process, the first of which dies at an effect. Answers whether it did. */
export async function workInterrupted<World extends MortalWorld>({
  world,
  operation,
  mortality,
  last,
  write,
}: InterruptedWork<World>): Promise<boolean> {
  let handler = world.process({ mortality });
  const going = async (mortal: Mortality): Promise<void> => {
    const effect = <T>(name: string, perform: () => T) => mortal.effect(name, perform);
    await drive(handler, operation, { until: 'SWITCHED', effect });
    // The way back has to bring it along.
    if (!written.has(world)) {
      written.add(world);
      await write(world);
    }
    const stop = new AbortController();
    const current = handler.phases.SWITCHED!(runOf(operation, { effect, signal: stop.signal }));
    await Promise.race([current.catch(() => undefined), clock.sleep(5)]);
    stop.abort(new Error('next'));
    await current.catch((error: unknown) => {
      if (mortal.dead) throw error;
    });
    if (last === 'finish') await handler.finish(runOf(operation, { effect }));
    else {
      operation.phase = 'ROLLING_BACK';
      await drive(handler, operation, { until: 'ROLLED_BACK', effect });
    }
  };
  try {
    await going(mortality);
    return false;
  } catch (error) {
    if (!mortality.dead) throw error;
  }
  handler = world.process();
  if (operation.phase === 'ROLLING_BACK') await drive(handler, operation, { until: 'ROLLED_BACK' });
  else if (operation.phase === 'ROLLED_BACK') return true;
  else await going(new Mortality());
  return true;
}
