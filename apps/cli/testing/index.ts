export { runWeir, type Ran, type RunOptions } from './run-weir.js';
export { avroRecord, ScratchProject } from './scratch-project.js';
