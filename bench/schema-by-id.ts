import autocannon from 'autocannon';
import { fork } from 'node:child_process';
import { ServiceProcess } from '../apps/demo/service-process.js';
import { FLIGHT_SCHEMA } from '../apps/demo/chapters.js';
import { inTemporaryDirectory, inTurns, type Benchmark } from './measure.js';

async function load(url: string): Promise<number> {
  const result = await autocannon({
    url,
    connections: 32,
    duration: 3,
    headers: { accept: 'application/vnd.schemaregistry.v1+json' },
  });
  if (result.non2xx > 0 || result.errors > 0)
    throw new Error(`${url}: ${result.non2xx} answers were no success, ${result.errors} errors`);
  return result.requests.average;
}

export const schemaById: Benchmark = {
  name: 'schema-by-id',
  run: () =>
    inTemporaryDirectory(async (directory) => {
      const service = await ServiceProcess.prepare(directory);
      await service.start();
      const bare = fork(new URL('./bare-fastify.js', import.meta.url), {
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      });
      try {
        const answer = await fetch(`${service.url}/subjects/flights-value/versions`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ schema: JSON.stringify(FLIGHT_SCHEMA) }),
        });
        const { id } = (await answer.json()) as { id: number };
        const path = `/schemas/ids/${id}`;
        const body = await (await fetch(service.url + path)).text();
        const baseUrl = await new Promise<string>((resolve) => {
          bare.once('message', (url) => resolve(url as string));
          bare.send(body);
        });
        await load(service.url + path);
        const { measured, baseline } = await inTurns(
          3,
          () => load(service.url + path),
          () => load(baseUrl + path),
        );
        return [
          {
            what: 'GET /schemas/ids/{id}, 32 connections',
            unit: 'requests/s',
            measured,
            baseline: { what: 'bare Fastify route that returns the same bytes', measured: baseline },
            goal: 0.8,
          },
        ];
      } finally {
        bare.kill();
        await service.stop();
      }
    }),
};
