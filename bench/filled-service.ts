import { join } from 'node:path';
import { type EmbeddedLog, openEmbeddedLog } from '#libs/adapters/log-embedded';
import { SystemClock } from '#libs/platform/observability';
import { Api } from '../apps/demo/api.js';
import { ServiceProcess } from '../apps/demo/service-process.js';

export interface Filling {
  /** More of the service's environment. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Makes topics through the service, before it is stopped to be filled. */
  readonly declare?: (api: Api) => Promise<unknown>;
  /** Writes what is to be there into the log itself, which takes a fraction of what requests would. */
  readonly fill: (log: EmbeddedLog) => Promise<unknown>;
}

/** A service in a directory of its own that runs, and whose log was filled while it did not. */
export async function filledService(directory: string, filling: Filling): Promise<ServiceProcess> {
  const service = await ServiceProcess.prepare(directory, filling.settings);
  await service.start();
  await filling.declare?.(new Api(service.url));
  await service.stop();
  const log = await openEmbeddedLog({ directory: join(directory, 'data', 'log'), clock: new SystemClock() });
  await filling.fill(log);
  await log.close();
  await service.start();
  return service;
}
