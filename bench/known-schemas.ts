import { FLIGHT_SCHEMA } from '../apps/demo/chapters.js';
import { ServiceProcess } from '../apps/demo/service-process.js';
import { startBaseline, type Baseline } from './baseline.js';
import { httpLoad } from './http-load.js';
import { inTemporaryDirectory, inTurns, type Benchmark, type Comparison } from './measure.js';

const BODY = JSON.stringify({ schema: JSON.stringify(FLIGHT_SCHEMA) });

async function post(url: string): Promise<string> {
  const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: BODY });
  return answer.text();
}

/** What serializers and deserializers ask at every start: the schema of an id, and the id of a schema, by look-up or by registering it again. */
export const knownSchemas: Benchmark = {
  name: 'known-schemas',
  run: () =>
    inTemporaryDirectory(async (directory) => {
      const service = await ServiceProcess.prepare(directory);
      await service.start();
      const baselines: Baseline[] = [];
      const compare = async (
        what: string,
        path: string,
        same: string,
        goal: number,
        given: Parameters<typeof httpLoad>[1] = {},
      ): Promise<Comparison> => {
        const options = { duration: 2, ...given };
        const bare = await startBaseline(same);
        baselines.push(bare);
        const barePath = path.replace(/\/versions$/, '');
        // Once for nothing, so that both are compiled when it counts.
        await httpLoad(service.url + path, options);
        await httpLoad(bare.url + barePath, options);
        // Nine short turns each: on two cores a process settles on one for seconds, and three turns caught now the better, now the worse.
        const { measured, baseline } = await inTurns(
          9,
          async () => (await httpLoad(service.url + path, options)).perSecond,
          async () => (await httpLoad(bare.url + barePath, options)).perSecond,
        );
        return {
          what,
          unit: 'requests/s',
          measured,
          baseline: { what: 'a bare Fastify route that reads and answers the same bytes', measured: baseline },
          goal,
        };
      };
      try {
        const { id } = JSON.parse(await post(`${service.url}/subjects/flights-value/versions`)) as { id: number };
        const byId = `/schemas/ids/${id}`;
        const lookup = '/subjects/flights-value';
        const posting = { method: 'POST', body: BODY } as const;
        return [
          await compare('GET a schema by id', byId, await (await fetch(service.url + byId)).text(), 0.8),
          await compare('POST a look-up of a known schema', lookup, await post(service.url + lookup), 0.5, posting),
          await compare(
            'POST a registration of a known schema',
            `${lookup}/versions`,
            await post(`${service.url}${lookup}/versions`),
            0.5,
            posting,
          ),
        ];
      } finally {
        for (const bare of baselines) bare.stop();
        await service.stop();
      }
    }),
};
