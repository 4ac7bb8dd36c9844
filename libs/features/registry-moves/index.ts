export { RegistryMovesModule, type RegistryMovesOptions } from './registry-moves.module.js';
