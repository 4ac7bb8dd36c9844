export { ClusterMovesModule } from './cluster-moves.module.js';
