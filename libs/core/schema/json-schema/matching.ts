/**
 * A maximum cardinality matching of a bipartite graph: as many pairs as possible, no one in two of them. `edges[i]` lists the right-hand partners
 * of left-hand node `i`. Augmenting paths (Kuhn), searched without recursion.
 */
export function maximumMatching(
  edges: readonly (readonly number[])[],
  rights: number,
): readonly (number | undefined)[] {
  const partnerOfLeft = new Array<number | undefined>(edges.length).fill(undefined);
  const partnerOfRight = new Array<number | undefined>(rights).fill(undefined);
  for (let start = 0; start < edges.length; start++) {
    const cameFrom = new Map<number, number>();
    const queue = [start];
    let free: number | undefined;
    while (queue.length > 0 && free === undefined) {
      const left = queue.shift()!;
      for (const right of edges[left]!) {
        if (cameFrom.has(right)) continue;
        cameFrom.set(right, left);
        const next = partnerOfRight[right];
        if (next === undefined) {
          free = right;
          break;
        }
        queue.push(next);
      }
    }
    // Turn the path that was found: each node on it takes the partner it was reached by.
    for (let right = free; right !== undefined;) {
      const left: number = cameFrom.get(right)!;
      const before = partnerOfLeft[left];
      partnerOfLeft[left] = right;
      partnerOfRight[right] = left;
      right = before;
    }
  }
  return partnerOfLeft;
}
