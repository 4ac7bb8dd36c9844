import { servedFault, type RegistryAmount, type ServedRegistry } from '#libs/core/registry';
import type { ServiceParts } from './service.js';

const PARTS = ['subjects', 'versions', 'schemas'] as const satisfies readonly (keyof RegistryAmount)[];

/**
 * Tells metrics, the log and `/readyz` whether what the registry serves is what is stored (reliability page, G21).
 * @returns the work that counts, without an end.
 */
export function watchServed(
  { metrics, health, logger }: Pick<ServiceParts, 'metrics' | 'health' | 'logger'>,
  served: ServedRegistry,
): (signal: AbortSignal) => Promise<void> {
  for (const [name, help] of [
    ['served', 'What the registry answers with, as of the last count.'],
    ['kept', 'What the registry has stored, as of the last count.'],
  ] as const) {
    metrics.gauge(`registry_${name}`, help, ['kind'], () =>
      PARTS.flatMap((kind) =>
        served.last === undefined ? [] : [{ labels: { kind }, value: served.last[name][kind] }],
      ),
    );
  }
  health.add({
    name: 'registry',
    check: () => {
      const fault = served.last && servedFault(served.last);
      return fault === undefined ? { ok: true } : { ok: false, detail: fault };
    },
  });
  return (signal) =>
    served.keep(signal, (count) => {
      const fault = servedFault(count);
      if (fault !== undefined) logger.error({ ...count }, `the registry ${fault}`);
    });
}
