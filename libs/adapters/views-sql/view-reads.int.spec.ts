import { viewReadsContract } from './testing/view-reads-contract.js';
import { sqliteTables } from './testing/view-world.js';

viewReadsContract('SQLite', sqliteTables);
