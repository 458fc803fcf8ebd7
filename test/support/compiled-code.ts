import { enableCompileCache } from 'node:module'

// each test file is a process of its own: from the second on, what they share comes compiled and without its types
enableCompileCache('node_modules/.cache/gatehouse')
