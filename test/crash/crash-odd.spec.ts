import { crashRounds } from './crash-rounds.js';

crashRounds('odd');
