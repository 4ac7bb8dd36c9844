export { ViewsModule } from './views.module.js';
export type { RowsView } from './view-schemas.js';
