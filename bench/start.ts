import { ServiceProcess } from '../apps/demo/service-process.js';
import { inTemporaryDirectory, median, type Benchmark } from './measure.js';

export const start: Benchmark = {
  name: 'start',
  async run() {
    const times: number[] = [];
    for (let round = 0; round < 5; round++) {
      await inTemporaryDirectory(async (directory) => {
        const service = await ServiceProcess.prepare(directory);
        times.push(await service.start());
        await service.stop();
      });
    }
    return [{ what: 'process start to ready, empty directory', unit: 'ms', measured: median(times), most: 1_000 }];
  },
};
