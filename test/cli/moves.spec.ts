import { describe, expect, it } from 'vitest';
import { openEmbeddedLog } from '#libs/adapters/log-embedded';
import { Clusters } from '#libs/core/log';
import { SystemClock } from '#libs/platform/observability';
import { temporaryDirectory } from '#libs/platform/testing';
import { runWeir } from '../../apps/cli/testing/index.js';
import { runService } from '../../apps/server/testing/running-service.js';

describe('a topic that is moved to another cluster by the command', () => {
  it('goes there with its records, is found by whoever names no cluster, and comes back', async () => {
    const running = await runService();
    const directory = await temporaryDirectory();
    const far = await openEmbeddedLog({ directory: directory.path, clock: new SystemClock() });
    try {
      // A second embedded log in the place of a Kafka cluster.
      const clusters = running.service.app.nest.get(Clusters);
      const get = clusters.get.bind(clusters);
      clusters.get = (name) => (name === 'far' ? far : get(name));
      clusters.names = () => ['local', 'far'];
      clusters.present = clusters.names;

      const weir = async (args: string, stdin = '') => {
        const ran = await runWeir([...args.split(' '), '-o', 'json', '-s', running.url], { stdin });
        return { code: ran.code, data: (JSON.parse(ran.out) as { data: Record<string, unknown> }).data };
      };
      for (const topic of ['orders', 'payments']) {
        expect((await weir(`topic create ${topic} --partitions 2`)).code).toBe(0);
        expect((await weir(`topic produce ${topic}`, '{"key": "k", "value": 1}\n')).code).toBe(0);
      }
      const shown = await weir('topic move orders payments --to far --dry-run');
      expect([shown.code, shown.data]).toMatchObject([0, { kind: 'move', blockers: [] }]);
      const moved = await weir('topic move orders payments --to far --yes --wait --timeout 60s');
      expect([moved.code, moved.data]).toMatchObject([0, { kind: 'move', state: 'SWITCHED' }]);
      for (const topic of ['orders', 'payments']) {
        expect((await weir(`topic describe ${topic}`)).data).toMatchObject({ cluster: 'far', records: '1' });
        expect((await weir(`topic produce ${topic}`, '{"key": "k", "value": 2}\n')).code).toBe(0);
      }
      const back = await weir(`op rollback ${moved.data['id'] as string} --yes --wait --timeout 60s`);
      expect([back.code, back.data]).toMatchObject([0, { state: 'ROLLED_BACK' }]);
      for (const topic of ['orders', 'payments'])
        expect((await weir(`topic describe ${topic}`)).data).toMatchObject({ cluster: 'local', records: '2' });
    } finally {
      await running.stop();
      await far.close();
      await directory.remove();
    }
  });
});
