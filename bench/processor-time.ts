import { readFile } from 'node:fs/promises';

/** Of the kernel, whatever the processor. */
const MS_PER_TICK = 10;

/** Milliseconds of processor time that a process has had so far, in user and kernel mode, all its threads together. Linux tells it. */
export async function processorMs(pid: number | undefined): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK;
}
