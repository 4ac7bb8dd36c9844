import { describe, expect, it } from 'vitest';
import { LogSimulation, type SimulationOptions } from './testing/log-simulation.js';

/** Seeds per run; WEIR_SIM_SEEDS asks for more, WEIR_SIM_FIRST for others. */
const SEEDS = Number(process.env['WEIR_SIM_SEEDS'] ?? 100);
const FIRST = Number(process.env['WEIR_SIM_FIRST'] ?? 1);

async function breachesOfSeeds(count: number, options: SimulationOptions = {}): Promise<string[]> {
  const found: string[] = [];
  for (let seed = FIRST; seed < FIRST + count && found.length < 3; seed++) {
    const simulation = new LogSimulation(seed, options);
    const breaches = await simulation.run();
    if (breaches.length === 0) continue;
    found.push([`seed ${seed}`, ...breaches.slice(0, 5), 'reports:', ...simulation.reports.slice(-5)].join('\n'));
  }
  return found;
}

describe('durability on a simulated disk', () => {
  it(
    `whatever a power cut or a kill leaves, the log holds what was acknowledged and whole commits only (${SEEDS} seeds from ${FIRST})`,
    async () => {
      expect(await breachesOfSeeds(SEEDS)).toEqual([]);
    },
    Math.max(240_000, SEEDS * 2_000),
  );

  it('retention, deletions and compactions take place in it', async () => {
    let moved = 0;
    let replaced = 0;
    for (let seed = FIRST; seed < FIRST + 30; seed++) {
      const simulation = new LogSimulation(seed);
      await simulation.run();
      moved += simulation.segmentLife.moved;
      replaced += simulation.segmentLife.replaced;
    }
    expect(moved).toBeGreaterThan(5);
    expect(replaced).toBeGreaterThan(5);
  }, 240_000);

  it('negative control: with flushes that do nothing the same simulation finds losses', async () => {
    expect(await breachesOfSeeds(10, { honest: false, ends: ['cut'] })).not.toEqual([]);
  });

  it('negative control: with producers that are forgotten at once, a batch repeated after a crash is there twice', async () => {
    const found = await breachesOfSeeds(10, { settings: { producerExpirationMs: 0 } });
    expect(found.join('\n')).toMatch(/was acknowledged at \d+ and then at \d+|and again at/);
  });
});
