export { RepartitioningModule } from './repartitioning.module.js';
