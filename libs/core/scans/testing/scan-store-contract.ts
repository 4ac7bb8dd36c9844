import { ManualClock } from '#libs/core/kernel/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { partsOf, type ScanPart, type ScanStore } from '../scan-store.js';

export interface ScanStoreUnderTest {
  readonly scans: ScanStore;
  readonly dispose: () => Promise<void>;
}

let runs = 0;
const clock = new ManualClock();

const part = (index: number, position: number, more: Partial<ScanPart> = {}): ScanPart => ({
  index,
  position,
  gone: 0,
  trouble: null,
  summary: { records: position },
  ...more,
});

/** What every {@link ScanStore} promises. */
export function scanStoreContract(name: string, open: () => Promise<ScanStoreUnderTest>): void {
  describe(`${name} keeps what scans have found`, () => {
    let under: ScanStoreUnderTest;
    let scans: ScanStore;
    beforeAll(async () => {
      under = await open();
      scans = under.scans;
    });
    afterAll(() => under.dispose());

    const fresh = () => `op_${++runs}`;
    const all = async (scan: string) => {
      const found: ScanPart[] = [];
      for await (const one of partsOf(scans, scan, clock)) found.push(one);
      return found;
    };

    it('gives back parts as they were, by index, whatever they hold', async () => {
      const scan = fresh();
      const told = part(2, 2 ** 53 - 1, {
        gone: 7,
        trouble: { code: 'corrupt-batch', message: 'ä' },
        summary: { ids: [[1, 2, 3]], nested: { '\u{1f600}': null } },
      });
      await scans.save(scan, [told, part(0, 5)]);
      expect(await all(scan)).toEqual([part(0, 5), told]);
    });

    it('keeps the last word on a range, and passes over one that is behind it', async () => {
      const scan = fresh();
      await scans.save(scan, [part(0, 5), part(1, 5)]);
      await scans.save(scan, [part(0, 9), part(1, 4)]);
      await scans.save(scan, [part(1, 5, { trouble: { code: 'c', message: 'm' } })]);
      expect(await all(scan)).toEqual([part(0, 9), part(1, 5, { trouble: { code: 'c', message: 'm' } })]);
    });

    it('gives them page by page', async () => {
      const scan = fresh();
      await scans.save(
        scan,
        Array.from({ length: 450 }, (_, index) => part(index, index)),
      );
      expect((await scans.parts(scan, 9, 2)).map((one) => one.index)).toEqual([10, 11]);
      expect((await all(scan)).map((one) => one.index)).toEqual(Array.from({ length: 450 }, (_, index) => index));
    });

    it('keeps scans apart, and forgets one that is dropped', async () => {
      const [one, other] = [fresh(), fresh()];
      await scans.save(one, [part(0, 1)]);
      await scans.save(other, [part(0, 2)]);
      await scans.drop(one);
      await scans.drop(one);
      expect(await all(one)).toEqual([]);
      expect(await all(other)).toEqual([part(0, 2)]);
    });

    it('tells of which scans something is kept, one after another, and drops as much as there is', async () => {
      for (let scan = await scans.next(''); scan !== undefined; scan = await scans.next('')) await scans.drop(scan);
      const parts = Array.from({ length: 450 }, (_, index) => part(index, index));
      for (const scan of ['op_b', 'op_C', 'op_a']) await scans.save(scan, parts);
      const kept = async () => {
        const found: string[] = [];
        for (let scan = await scans.next(''); scan !== undefined; scan = await scans.next(scan)) found.push(scan);
        return found;
      };
      expect(await kept()).toEqual(['op_C', 'op_a', 'op_b']);
      await scans.drop('op_a');
      expect(await kept()).toEqual(['op_C', 'op_b']);
      expect(await all('op_a')).toEqual([]);
    });
  });
}
