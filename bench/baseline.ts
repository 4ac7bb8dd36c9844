import { fork } from 'node:child_process';

/** A bare Fastify server in a process of its own that answers everything with these bytes. */
export interface Baseline {
  readonly url: string;
  stop(): void;
}

export async function startBaseline(body: string): Promise<Baseline> {
  const child = fork(new URL('./bare-fastify.js', import.meta.url), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const url = await new Promise<string>((resolve) => {
    child.once('message', (given) => resolve(given as string));
    child.send(body);
  });
  return { url, stop: () => void child.kill() };
}
