'use strict';
// The guide's examples, by the script that a reader can follow: `mission.js`.

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const path = require('node:path');
const test = require('node:test');
const { promisify } = require('node:util');
const { World } = require('./support.js');

test('everything of the guide, against a router with its embedded configuration', async (t) => {
  const world = await World.open(t);
  const script = path.join(__dirname, 'mission.js');
  const { stdout } = await promisify(execFile)(process.execPath, ['--no-warnings', script, world.router.url]);
  assert.match(stdout, /everything of the guide holds\n$/);
});
