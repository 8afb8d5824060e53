// Starts the Bluesky network (PLC directory, PDS, AppView and their moderation service) on
// this machine. Prints one JSON line when it is ready; stops on SIGTERM, SIGINT or the end of
// its input, so that it cannot outlive whoever started it.
//
// Needs DB_POSTGRES_URL, DB_POSTGRES_SCHEMA (letters and _ only), REDIS_HOST and TMPDIR (a place of
// its own). REDIS_HOST is demanded, yet nothing of this network ever connects to it.

import './loopback.mjs'

// node_modules lies in the cache folder, which is the working folder, not beside this file.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const fromCache = createRequire(join(process.cwd(), 'package.json'))
const { TestNetwork, TestPds } = await import(
  pathToFileURL(fromCache.resolve('@atproto/dev-env')).href
)

const port = (name) => {
  const value = process.env[name]
  return value ? { port: Number(value) } : {}
}

// As on the public network, so that running into a limit can be tried.
const rateLimitBypassKey = process.env.BLUESKY_BYPASS_KEY
const network = await TestNetwork.create({
  plc: port('PLC_PORT'),
  pds: {
    ...port('PDS_PORT'),
    rateLimitsEnabled: Boolean(rateLimitBypassKey),
    rateLimitBypassKey,
  },
  bsky: port('APPVIEW_PORT'),
  ozone: {},
})

// A second PDS, whose hour of writing is so short that a test can wait for its end.
const { RateLimiterMemory } = fromCache('rate-limiter-flexible')
const instead = (name, usual, hurried) => {
  const parent = Object.getPrototypeOf(RateLimiterMemory.prototype)
  const { get, set } = Object.getOwnPropertyDescriptor(parent, name)
  Object.defineProperty(RateLimiterMemory.prototype, name, {
    get,
    set(value) {
      set.call(this, value === usual ? hurried : value)
    },
  })
}
instead('points', 5_000, 6)
instead('duration', 3_600, 10)
const hurried = await TestPds.create({
  ...port('HURRIED_PDS_PORT'),
  didPlcUrl: network.plc.url,
  rateLimitsEnabled: true,
})

let closing
const close = () => {
  closing ??= Promise.all([hurried.close(), network.close()]).then(
    () => process.exit(0),
    (error) => {
      console.error(error)
      process.exit(1)
    },
  )
}
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, close)
process.stdin.on('end', close).on('error', close).resume()

console.log(
  JSON.stringify({
    pds: network.pds.url,
    hurried: hurried.url,
    appview: network.bsky.url,
    plc: network.plc.url,
  }),
)
