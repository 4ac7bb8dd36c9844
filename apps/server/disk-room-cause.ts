import type { DiskSpace } from '#libs/adapters/disk-space';
import type { ThrottleCause } from '#libs/core/operations';

/** What copies records of the embedded log into it. A move to another cluster makes room, and what reads takes none. */
const COPYING: ReadonlySet<string> = new Set(['repartition', 'migration', 'derive', 'rebuild', 'erasure']);

/** Lets copies rest while the disk has little more room than is kept for those who write; they go on by themselves when there is some again. */
export class DiskRoomCause implements ThrottleCause {
  readonly name = 'disk-room';

  /** @param cluster name of the embedded log */
  constructor(
    private readonly space: Pick<DiskSpace, 'restReason'>,
    private readonly cluster: string,
  ) {}

  check({ kind, subject }: { readonly kind: string; readonly subject: string }): string | null {
    if (!COPYING.has(kind) || !subject.includes(`:${this.cluster}/`)) return null;
    return this.space.restReason;
  }
}
