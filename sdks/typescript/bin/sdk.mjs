#!/usr/bin/env node
// The command line of the package: `npx @watchword/sdk types --url https://api.example > types.ts`.
import { main } from '../dist/types_command.js'

process.exitCode = await main(process.argv.slice(2), process.env.WATCHWORD_URL, {
  print: (text) => process.stdout.write(text),
  complain: (text) => process.stderr.write(`${text}\n`),
})
