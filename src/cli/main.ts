#!/usr/bin/env node
import process from 'node:process'
import { runCommandLine } from './command-line.ts'

runCommandLine(process.argv.slice(2))
