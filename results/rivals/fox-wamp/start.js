'use strict';
// node start.js PORT: fox-wamp without its trace log, as its README embeds it.
const Router = require('fox-wamp');

const router = new Router();
router.getRealm('realm1', () => router.listenWAMP({ host: '127.0.0.1', port: Number(process.argv[2]) }));
