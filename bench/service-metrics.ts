/**
 * The value of a metric of a running service, without `weir_` in front: a counter or gauge, or what a histogram counts (`…_count`, `…_sum`); added up over its labels, 0 where nothing was told yet.
 */
export async function metric(url: string, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const samples = text.matchAll(new RegExp(`^weir_${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'));
  return [...samples].reduce((sum, [, value]) => sum + Number(value), 0);
}
