export { rewriteRegistryUrl } from './context-paths.js';
export { RegistryIdentity } from './registry-identity.js';
export { RegistryModule } from './registry.module.js';
export type { CheckResultView, SchemaCheckView, StartedCheckView } from './schema-check-shapes.js';
