process.argv.slice(2).forEach(a => console.log(a))
