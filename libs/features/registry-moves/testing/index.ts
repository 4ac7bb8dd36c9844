export { MoveCalls } from './move-calls.js';
