// The TypeScript driver of scenarios.py for Node, Deno and Bun: does the scenario that is named and prints what came of it.
import process from 'node:process'
import { doScenario } from './typescript_scenarios.mjs'

console.log(await doScenario(process.argv[2], process.env))
