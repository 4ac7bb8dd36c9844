import { crashRounds } from './crash-rounds.js';

crashRounds('even');
