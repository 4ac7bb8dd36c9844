export { SeededRandom } from './seeded-random.js';
export { SimulatedFileSystem, MachineGone, type DiskCall, type DiskFault } from './simulated-file-system.js';
export { SimulatedClock, SimulatedLock } from './simulated-machine.js';
