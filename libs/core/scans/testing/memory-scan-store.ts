import { ScanStore, type ScanPart } from '../scan-store.js';

/** The port over maps. Nothing survives the process. */
export class MemoryScanStore extends ScanStore {
  readonly #scans = new Map<string, Map<number, string>>();

  async save(scan: string, parts: readonly ScanPart[]): Promise<void> {
    const kept = this.#scans.get(scan) ?? new Map<number, string>();
    this.#scans.set(scan, kept);
    for (const part of parts) {
      const known = kept.get(part.index);
      if (known !== undefined && (JSON.parse(known) as ScanPart).position > part.position) continue;
      kept.set(part.index, JSON.stringify(part));
    }
  }

  async parts(scan: string, after: number, limit: number): Promise<readonly ScanPart[]> {
    return [...(this.#scans.get(scan) ?? [])]
      .filter(([index]) => index > after)
      .sort(([a], [b]) => a - b)
      .slice(0, limit)
      .map(([, text]) => JSON.parse(text) as ScanPart);
  }

  async drop(scan: string): Promise<void> {
    this.#scans.delete(scan);
  }

  async next(scan: string): Promise<string | undefined> {
    return [...this.#scans.keys()].sort().find((one) => one > scan);
  }
}
