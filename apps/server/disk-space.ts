import { DiskSpace, NodeVolume } from '#libs/adapters/disk-space';
import type { ServiceParts } from './service.js';

/** Watches the disk of the data directory, tells its room to logs, metrics and `/readyz`, and gives up the ballast when a start needs it. */
export async function openDiskSpace(parts: ServiceParts, directory: string): Promise<DiskSpace> {
  const { config, clock, logger, metrics, health } = parts;
  const { warnPercent, refuseFreeBytes, ballastBytes } = config.storage;
  const space = await DiskSpace.open({
    volume: new NodeVolume(directory),
    clock,
    warnPercent,
    refuseBytes: refuseFreeBytes,
    ballastBytes,
    observer: {
      changed: (room, { limits, ...facts }) => {
        if (room === 'none') {
          logger.error(
            { ...facts, refuseBelow: limits.none },
            'the disk is full: nothing is added until there is room',
          );
        } else if (room === 'low') logger.warn({ ...facts, warnBelow: limits.low }, 'the disk has little room left');
        else logger.info(facts, 'the disk has room again');
      },
      failed: (error) => logger.warn({ err: error }, 'the room on the disk is not known, or its ballast not kept'),
    },
  });
  metrics.gauge('disk_free_bytes', 'Bytes left for data on the disk of the data directory.', [], () => [
    { value: space.freeBytes },
  ]);
  metrics.gauge('disk_total_bytes', 'Bytes of the disk of the data directory.', [], () => [
    { value: space.totalBytes },
  ]);
  metrics.gauge('disk_refuses_writes', '1 while nothing is added because the disk is full.', [], () => [
    { value: space.room === 'none' ? 1 : 0 },
  ]);
  // Reading goes on, so the service stays ready; who looks is told.
  health.add({
    name: 'disk',
    check: () => ({
      ok: true,
      ...(space.room === 'none' ? { degraded: true, detail: 'full: nothing is added, reading goes on' } : {}),
    }),
  });
  return space;
}
