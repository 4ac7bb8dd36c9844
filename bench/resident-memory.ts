import { readFile } from 'node:fs/promises';
import { metric } from './service-metrics.js';

const MB = 1024 * 1024;

/** Resident memory of a service, in MB. Linux tells it; elsewhere the service does. */
export async function residentMb(service: { readonly pid: number | undefined; readonly url: string }): Promise<number> {
  const status = await readFile(`/proc/${service.pid}/status`, 'utf8').catch(() => '');
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  return kib !== undefined ? Number(kib) / 1024 : (await metric(service.url, 'process_resident_memory_bytes')) / MB;
}
