export { WorkerTransforms, type WorkerTransformsOptions } from './worker-transforms.js';
