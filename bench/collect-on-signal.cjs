// Preloaded for the memory cases alone: SIGUSR2 collects garbage and gives the heap's empty pages back, so that what is
// measured is what is held.
const { setFlagsFromString } = require('node:v8');
const { runInNewContext } = require('node:vm');

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc');
const collect = () => gc({ type: 'major', execution: 'sync', flavor: 'last-resort' });
process.on('SIGUSR2', () => {
  collect();
  // Finalisers of the first round free what the second finds.
  setImmediate(collect);
});
