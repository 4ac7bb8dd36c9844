import { type OpenedLog, WallClock } from '#libs/core/log/testing';
import type { LogEngine } from '#libs/core/log';
import { type KafkaLogOptions, openKafkaLog } from '../index.js';

/** Bootstrap servers of the `kafka` test project. @throws when the variable is missing: those files run nowhere else. */
export function testServers(): readonly string[] {
  const servers = process.env['WEIR_TEST_KAFKA'];
  if (servers === undefined) throw new Error('WEIR_TEST_KAFKA is not set; run this through npm run test:kafka');
  return servers.split(',');
}

/** An engine on the test cluster. Close it. */
export async function openTestEngine(options: Partial<KafkaLogOptions> = {}): Promise<LogEngine> {
  return await openKafkaLog({ name: 'test', bootstrapServers: testServers(), clock: new WallClock(), ...options });
}

/** An engine on the test cluster as the contract suite wants it. The topics it makes stay until the broker goes. */
export async function openTestLog(): Promise<OpenedLog> {
  let engine = await openTestEngine();
  const opened = {
    get engine() {
      return engine;
    },
    async reopen() {
      await engine.close();
      engine = await openTestEngine();
      return engine;
    },
    dispose: () => engine.close(),
  };
  return opened;
}
