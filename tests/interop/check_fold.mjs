// Checks the fold in fold.mjs with the vectors:
//
//   node check_fold.mjs VECTORS_FOLDER
//
// Prints the names of those that hold, one a line; fails with a difference at the first that does not.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fold } from './fold.mjs';

const [folder] = process.argv.slice(2);

for (const file of readdirSync(folder).sort()) {
  const { name, start, events, refused, result } = JSON.parse(
    readFileSync(join(folder, file), 'utf8'),
  );
  const good = refused ? events.slice(0, -1) : events;
  const view = good.reduce(fold, start);
  assert.deepEqual(view, result, name);
  if (refused) assert.throws(() => fold(view, events.at(-1)), RangeError, name);
  console.log(name);
}
