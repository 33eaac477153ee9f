'use strict';
// node start.js PORT: wamp.rt as its example starts it, without its log.
const Router = require('wamp.rt');

new Router({ port: Number(process.argv[2]) });
