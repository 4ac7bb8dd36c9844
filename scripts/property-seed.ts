import fc from 'fast-check';

/**
 * Property tests draw the same cases in every run, so that a change is judged by what it changed. Other cases: `WEIR_PROPERTY_SEED=$RANDOM npm test`; a
 * failure prints the seed it was found with.
 */
fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(process.env['WEIR_PROPERTY_SEED'] ?? 1) });
