// The TypeScript driver of scenarios.py for workerd: a worker has no arguments and no environment but its bindings.
import { doScenario } from './typescript_scenarios.mjs'

export default {
  async test(_controller, bindings) {
    globalThis.WATCHWORD_URL = bindings.WATCHWORD_URL
    console.log(await doScenario(bindings.SCENARIO, bindings))
  },
}
