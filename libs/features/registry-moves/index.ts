export { RegistryMovesModule, type RegistryMovesOptions } from './registry-moves.module.js';
export type { ImportPlanView, UploadsView, UploadView } from './import-shapes.js';
