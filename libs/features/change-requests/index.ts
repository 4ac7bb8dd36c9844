export { ChangeRequestsModule } from './change-requests.module.js';
