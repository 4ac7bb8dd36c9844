export { DerivationsModule } from './derivations.module.js';
