import type { LogEngine } from '#libs/core/log';

/** A copy that is planned. */
export interface PlannedCopy {
  /** Log that it comes to, and the name of its cluster. */
  readonly log: LogEngine;
  readonly cluster: string;
  /** Bytes on the disk, as far as they are known. */
  readonly bytes: number | null;
  /** It takes as many bytes as what it is made of: no rule leaves anything out and nothing gets another form. */
  readonly keepsBytes: boolean;
}

/** Lines of a plan. */
export interface RoomFindings {
  readonly blockers: string[];
  readonly risks: string[];
}

/**
 * What plans say of the room where copies come to. The old side stays until `finish`, so all of a copy is added to what is there: one that takes more than there is would rest half way, for ever, and
 * take the room from those who write. Said as a blocker where the size is known, and as a risk where only that of the source is. Nothing where a log does not know its room.
 */
export async function roomFindings(copies: readonly PlannedCopy[]): Promise<RoomFindings> {
  const found: RoomFindings = { blockers: [], risks: [] };
  for (const log of new Set(copies.map((one) => one.log))) {
    const here = copies.filter((one) => one.log === log);
    const room = await log.bytesForCopies();
    if (room === null) continue;
    const sum = (of: readonly PlannedCopy[]): number => of.reduce((all, one) => all + (one.bytes ?? 0), 0);
    const [bytes, certain] = [sum(here), sum(here.filter((one) => one.keepsBytes))];
    if (bytes <= room) continue;
    const where = `the disk of cluster '${here[0]!.cluster}' has room for ${room} bytes of copies`;
    const remedy = 'delete what is not needed there, or enlarge the disk, and plan again';
    if (certain > room) found.blockers.push(`the copy takes ${certain} bytes and ${where}; ${remedy}`);
    else {
      found.risks.push(
        `disk: what is copied takes ${bytes} bytes as it is, and ${where}; if what becomes of it is no smaller, the copy rests until there is more`,
      );
    }
  }
  return found;
}
